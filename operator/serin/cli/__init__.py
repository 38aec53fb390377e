"""The command `serin`: check a manifest, explain presets, try a rollout before it is made."""
