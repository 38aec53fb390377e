"""Pure: how weights reach the model servers. One module a provider."""
