"""A mail server is really spoken to: encrypted, signed in, and its refusals are said. The server here is ours, on loopback."""

import base64
import socketserver
import ssl
import subprocess
import threading

import pytest

from aftercar.edges.outbox import mail_server
from aftercar.errors import MissingEngine


class Session(socketserver.StreamRequestHandler):
    """Just enough SMTP: EHLO, STARTTLS, AUTH, one message."""

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()

    def handle(self):
        server, message = self.server, None
        self.say("220 loopback")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(" ")[0].upper()
            server.heard.append((self.secure, line))
            if verb == "EHLO":
                self.say("250-loopback\r\n250-STARTTLS\r\n250 AUTH PLAIN")
            elif verb == "STARTTLS":
                self.say("220 go")
                secured = server.context.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile, self.secure = secured.makefile("rb"), secured.makefile("wb"), True
            elif verb == "AUTH":
                self.say("235 in" if line.split(" ")[2] == server.login else "535 no")
            elif verb == "DATA":
                self.say("354 go on")
                message = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    message += part
                server.messages.append(message.decode())
                self.say("250 kept")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    secure = False


@pytest.fixture
def server(tmp_path):
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert"), "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*made, *names], check=True, capture_output=True)
    running = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
    running.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    running.context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    running.heard, running.messages = [], []
    running.login = base64.b64encode(b"\0me\0secret").decode()
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def test_an_invitation_goes_out_encrypted(world, server):
    from aftercar.web.app import create_app

    send = mail_server(*server.server_address, "registry@example.org", "me", "secret")
    world.app = create_app(world.store, send=send, clock=lambda: world.now)
    fields = {"name": "New", "email": "new@example.org", "organisation": "O", "organisation_type": "laboratory", "country": "FR"}
    answer = world.browser("root@example.org").submit("/users", roles="laboratory", centres="C01", **fields)
    assert answer.status_code == 200
    (message,) = server.messages
    assert "To: new@example.org" in message
    assert "From: registry@example.org" in message
    assert "/invitation/" in message
    assert [line.split(" ")[0] for secure, line in server.heard if not secure] == ["ehlo", "STARTTLS"]


def test_a_wrong_password_and_a_server_that_is_away_are_said(server):
    with pytest.raises(MissingEngine, match="not sent"):
        mail_server(*server.server_address, "a@example.org", "me", "wrong")("b@example.org", "x", "y")
    with pytest.raises(MissingEngine, match="not sent"):
        mail_server("127.0.0.1", 9, "a@example.org")("b@example.org", "x", "y")
    assert server.messages == []


def test_no_header_can_be_slipped_into_a_message(server):
    with pytest.raises((MissingEngine, ValueError)):
        mail_server(*server.server_address, "a@example.org", "me", "secret")("b@example.org\r\nBcc: c@example.org", "x", "y")
    assert server.messages == []
