"""Audio in, audio out: features, models, generation, watermark. It knows no keys, no chain and no network."""
