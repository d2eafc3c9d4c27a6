"""A keyed spread-spectrum watermark that names a track."""
