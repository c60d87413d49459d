"""A small OpenID provider on loopback: discovery, keys, the code flow with PKCE, and signed tokens; it can misbehave."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey


class LoopbackProvider:
    """Serves one person; the attributes say who, and what is wrong with the next token.

    Attributes:
        claims: of the next token, over the right ones.
        key: what the next token is signed with; its public half is served unless ``published`` says otherwise.
        codes: given out and not yet changed: code to nonce, challenge and address.
    """

    def __init__(self, now):
        self.now, self.claims, self.codes, self.asked = now, {}, {}, []
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.published, self.algorithm = [self.key], "RS256"
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                provider.get(self)

            def do_POST(self):
                provider.post(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def change_key(self, kid="two", *, publish=True):
        self.key, self.algorithm = ECKey.generate_key("P-256", {"kid": kid, "use": "sig"}), "ES256"
        if publish:
            self.published = [self.key]

    def sign_with_the_secret(self, secret):
        """The confusion of algorithms: a token "signed" with what both sides know."""
        self.key, self.algorithm = OctKey.import_key(secret, {"kid": "one"}), "HS256"

    def answer(self, handler, content, status=200):
        body = json.dumps(content).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def get(self, handler):
        parts = urlsplit(handler.path)
        if parts.path == "/.well-known/openid-configuration":
            names = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
            found = {name: self.issuer + path for name, path in names.items()}
            self.answer(
                handler, {"issuer": self.issuer, "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256"], **found}
            )
        elif parts.path == "/keys":
            self.answer(handler, KeySet(self.published).as_dict(private=False))
        elif parts.path == "/authorize":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self.asked.append(asked)
            assert asked["response_type"] == "code"
            assert asked["code_challenge_method"] == "S256"
            code = f"code-{len(self.asked)}"
            self.codes[code] = asked
            handler.send_response(302)
            handler.send_header("location", f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")
            handler.end_headers()

    def post(self, handler):
        form = parse_qs(handler.rfile.read(int(handler.headers["content-length"])).decode())
        asked = self.codes.pop(form["code"][0], None)
        digest = hashlib.sha256(form.get("code_verifier", [""])[0].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        known = base64.b64encode(b"aftercar:a secret").decode()
        if asked is None or challenge != asked["code_challenge"] or handler.headers["authorization"] != f"Basic {known}":
            self.answer(handler, {"error": "invalid_grant"}, 400)
            return
        now = int(self.now().timestamp())
        right = {
            "iss": self.issuer,
            "sub": "person-1",
            "aud": "aftercar",
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
            "email": "new@example.org",
            "email_verified": True,
            "name": "New Person",
        }
        claims = {name: value for name, value in (right | self.claims).items() if value is not None}
        token = jwt.encode({"alg": self.algorithm, "kid": self.key.kid}, claims, self.key, algorithms=[self.algorithm])
        self.answer(handler, {"access_token": "x", "token_type": "Bearer", "id_token": token, "expires_in": 300})

    def close(self):
        self.server.shutdown()
        self.server.server_close()
