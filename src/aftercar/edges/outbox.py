"""Messages to people: into a folder of files (the default), or through a mail server."""

from __future__ import annotations

import datetime as dt
import secrets
import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

from aftercar.edges.files import write_bytes
from aftercar.errors import MissingEngine


def file_outbox(folder: Path) -> Callable[[str, str, str], None]:
    """Write each message as an ``.eml`` file into a folder."""

    def send(address: str, subject: str, text: str) -> None:
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
        write_bytes(folder / f"{stamp}-{secrets.token_hex(3)}.eml", bytes(_message(address, subject, text, "aftercar@localhost")))

    return send


def mail_server(host: str, port: int, sender: str, user: str = "", password: str = "") -> Callable[[str, str, str], None]:
    """Send each message through a mail server, encrypted.

    Raises:
        MissingEngine: (when sending) the server does not answer or refuses.
    """

    def send(address: str, subject: str, text: str) -> None:
        try:
            with smtplib.SMTP(host, port, timeout=20) as server:
                server.starttls()
                if user:
                    server.login(user, password)
                server.send_message(_message(address, subject, text, sender))
        except (OSError, smtplib.SMTPException) as error:
            raise MissingEngine(
                f"the message was not sent: {error}", where=host, fix="check the mail server's settings"
            ) from None

    return send


def _message(address: str, subject: str, text: str, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, address, subject
    message.set_content(text)
    return message
