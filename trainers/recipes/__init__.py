"""The recipes that come with sightscale, as YAML."""

__all__: list[str] = []
