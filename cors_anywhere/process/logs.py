"""The log of the command.

Owns: that all that is logged goes to one place in one form, requests and the rest. Must not know:
what is logged, or how it is written.
"""

from __future__ import annotations

import logging

from cors_anywhere.config.settings import Settings
from cors_anywhere.observe.access import Lines, lines
from cors_anywhere.observe.sink import Sink

LOG = logging.getLogger("cors_anywhere")


def start_log(settings: Settings) -> Sink:
    """Where this process logs from now on. Raises OSError for a file that cannot be opened.

    Loggers that a program has configured by itself stay as they are.
    """
    form = lines(settings.compiled.access_log or "text")
    sink = Sink(settings.log_file, told=lambda text: form.of_message("WARNING", text))
    logging.basicConfig(handlers=[_Handler(sink, form)], level=settings.log_level.upper())
    return sink


def reopen_log(sink: Sink) -> None:
    """Has the log file opened anew, if there is one."""
    if not sink.reopen():
        LOG.info("The log has no file that could be opened anew")


class _Handler(logging.Handler):
    """From the loggers to the sink."""

    def __init__(self, sink: Sink, form: Lines) -> None:
        super().__init__()
        self._sink = sink
        self._form = form

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._sink.write(self._line(record))
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self._sink.close()
        super().close()

    def _line(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if not text.isprintable():
            text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
        if record.exc_info:
            text += "\n" + _FORMATTER.formatException(record.exc_info)
        return self._form.of_message(record.levelname, text, record.name)


_FORMATTER = logging.Formatter()
