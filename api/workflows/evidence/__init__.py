"""The witnesses of an audit, one file each: what the audio itself says, and how that is held against a track."""
