"""Parameters of paths, beside those of Starlette."""

from starlette.convertors import Convertor, register_url_convertor


class _TextConvertor(Convertor[str]):
    """The parameter of a path that is any text, like `{name:text}`. Starlette's `path` has no line breaks."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        """Return the text."""
        return value

    def to_string(self, value: str) -> str:
        """Return the text."""
        return value


register_url_convertor("text", _TextConvertor())
