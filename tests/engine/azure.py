"""The services of Azure that states need, on loopback, under their real names and with their real logins.

The engine connects through a proxy on loopback, which leads `ACCOUNT.blob.core.windows.net` to Azurite, Microsoft's
emulator of Azure Storage, and `VAULT.vault.azure.net` to a vault that is written here; all other hosts are refused.
Both are behind TLS, and ask for tokens of Entra, which a managed identity provides. `make azurite` installs Azurite.

The login of the engine: https://pkg.go.dev/github.com/Azure/azure-sdk-for-go/sdk/azidentity#NewDefaultAzureCredential
The endpoint of a managed identity: https://learn.microsoft.com/azure/app-service/overview-managed-identity
The vault: https://learn.microsoft.com/rest/api/keyvault/keys/encrypt/encrypt
Azurite's options: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
"""

import base64
import contextlib
import datetime as dt
import http.client
import ipaddress
import json
import os
import re
import selectors
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

_INSTALLED = Path(__file__).parents[2] / ".tools/azurite/node_modules/azurite/dist/src/blob/main.js"
_TENANT = "00000000-0000-0000-0000-00000000000a"
_BLOBS, _VAULTS = ".blob.core.windows.net", ".vault.azure.net"


def azurite() -> list[str]:
    """The command that starts Azurite's blob service. Without one, the test is skipped."""
    if named := os.environ.get("AZURITE_BLOB") or shutil.which("azurite-blob"):
        return [named]
    node = shutil.which("node")
    if node is None or not _INSTALLED.exists():
        pytest.skip("there is no Azurite: run make azurite, which needs Node.js")
    return [node, str(_INSTALLED)]


@dataclass
class Azure:
    """The services under way.

    Attributes:
        env: The environment variables with which the engine finds them.
        hosts: The ports on loopback by the end of the host's name. Without one, a service cannot be reached.
        denied: The names of keys that the identity may not use.
    """

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, int] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)

    def create_container(self, account: str, container: str) -> None:
        """Create a blob container."""
        assert self.blob("PUT", account, container, "restype=container")[0] == 201

    def blobs(self, account: str, container: str) -> dict[str, bytes]:
        """The blobs of a container by name."""
        _, listing = self.blob("GET", account, container, "restype=container&comp=list")
        names = re.findall(r"<Name>(.*?)</Name>", listing.decode())
        return {name: self.blob("GET", account, f"{container}/{name}")[1] for name in names}

    def blob(self, method: str, account: str, path: str, query: str = "", body: bytes = b"") -> tuple[int, bytes]:
        """A request to the blob service: the status, and the body of the answer."""
        trust = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        connection = http.client.HTTPSConnection("127.0.0.1", self.hosts[_BLOBS], context=trust)
        headers = {
            "Authorization": f"Bearer {_token('https://storage.azure.com')}",
            "x-ms-version": "2021-08-06",
            "Host": f"{account}{_BLOBS}",
            **({"x-ms-blob-type": "BlockBlob"} if body else {}),
        }
        with contextlib.closing(connection):
            connection.request(method, f"/{path}?{query}", body=body or None, headers=headers)
            with connection.getresponse() as response:
                return response.status, response.read()


@contextlib.contextmanager
def serving_azure(folder: Path, *accounts: str) -> Iterator[Azure]:
    """The services with these storage accounts. A key of a vault exists as soon as it is used."""
    if not sys.platform.startswith("linux"):
        pytest.skip("elsewhere, the engine trusts no certificates of a file")
    _write_certificates(folder)
    azure = Azure(folder)
    with contextlib.ExitStack() as stack:
        azure.hosts[_BLOBS] = stack.enter_context(_azurite(folder, accounts))
        azure.hosts[_VAULTS] = stack.enter_context(_listening(_vault(azure), folder))
        identity = stack.enter_context(_listening(_Identity))
        proxy = stack.enter_context(_proxy(azure))
        azure.env |= {
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy}",
            "NO_PROXY": "127.0.0.1,localhost",
            "SSL_CERT_FILE": str(folder / "ca.pem"),
            "IDENTITY_ENDPOINT": f"http://127.0.0.1:{identity}/token",
            "IDENTITY_HEADER": "for this test only",
        }
        yield azure


@contextlib.contextmanager
def _azurite(folder: Path, accounts: tuple[str, ...]) -> Iterator[int]:
    key = base64.b64encode(b"for this test only").decode()
    options = ["--blobPort", "0", "--oauth", "basic", "--cert", str(folder / "cert.pem"), "--key",
               str(folder / "key.pem"), "--inMemoryPersistence", "--skipApiVersionCheck", "--silent",
               "--disableTelemetry"]  # fmt: skip
    env = {**os.environ, "AZURITE_ACCOUNTS": ";".join(f"{account}:{key}" for account in accounts)}
    with subprocess.Popen(
        [*azurite(), *options], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            ports = (re.search(r"successfully listens on https://127\.0\.0\.1:(\d+)", line) for line in process.stdout)
            found = next(filter(None, ports))
            yield int(found[1])
        finally:
            process.kill()


@contextlib.contextmanager
def _listening(handler: type[BaseHTTPRequestHandler], certificates: Path | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if certificates is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""

    def answer(self, status: int, document: Any, **headers: str) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class _Identity(_Answers):
    """The endpoint where a program gets the tokens of its managed identity; below `/other`, those of another issuer."""

    def do_GET(self) -> None:
        [resource] = parse_qs(urlsplit(self.path).query)["resource"]
        issuer = "elsewhere.example" if self.path.startswith("/other") else "sts.windows.net"
        token = {"access_token": _token(resource, issuer), "resource": resource, "token_type": "Bearer"}
        self.answer(200, {**token, "expires_on": str(int(time.time()) + 86400)})


def _token(audience: str, issuer: str = "sts.windows.net") -> str:
    """A token as Entra issues them; its signature is none."""
    now = int(time.time())
    claims = {"aud": audience, "iss": f"https://{issuer}/{_TENANT}/", "iat": now, "nbf": now - 60}
    parts = ({"alg": "RS256", "typ": "JWT"}, {**claims, "exp": now + 86400}, "signature")
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def _vault(azure: Azure) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Vault(_Answers):
        """The data plane of key vaults. Each key is real, and made when it is first used."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if not self.headers.get("Authorization", "").startswith("Bearer "):
                challenge = f'Bearer authorization="https://login.microsoftonline.com/{_TENANT}", '
                self.answer(401, {}, WWW_Authenticate=f'{challenge}resource="https://vault.azure.net"')
                return
            found = re.fullmatch(r"/keys/([\w-]+)/+[^/]*/?(encrypt|decrypt)", urlsplit(self.path).path)
            assert found is not None, self.path
            if found[1] in azure.denied:
                message = f"Caller is not authorized to perform action on resource. Action: .../keys/{found[2]}/action"
                self.answer(403, {"error": {"code": "Forbidden", "message": message}})
                return
            name = f"{self.headers['Host']}/{found[1]}"
            with lock:
                key = azure.keys.setdefault(name, azure.keys.get(name) or rsa.generate_private_key(65537, 2048))
            asked = json.loads(body)
            assert asked["alg"] == "RSA-OAEP-256"
            oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
            value = base64.urlsafe_b64decode(asked["value"] + "==")
            done = key.public_key().encrypt(value, oaep) if found[2] == "encrypt" else key.decrypt(value, oaep)
            result = base64.urlsafe_b64encode(done).decode().rstrip("=")
            self.answer(200, {"kid": f"https://{self.headers['Host']}/keys/{found[1]}/1", "value": result})

    return Vault


@contextlib.contextmanager
def _proxy(azure: Azure) -> Iterator[int]:
    class Proxy(_Answers):
        """Leads a host of Azure to its service on loopback."""

        def do_CONNECT(self) -> None:
            host = self.path.rpartition(":")[0]
            port = next((port for end, port in azure.hosts.items() if host.endswith(end)), None)
            if port is None:
                self.send_error(502, f"no route to {host}")
                return
            with socket.create_connection(("127.0.0.1", port)) as service:
                self.send_response(200)
                self.end_headers()
                _join(self.connection, service)
            self.close_connection = True

    with _listening(Proxy) as port:
        yield port


def _join(one: socket.socket, other: socket.socket) -> None:
    """Pass on what each of two connections sends, until one of them ends."""
    with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for ready, _ in selector.select():
                sent = ready.fileobj.recv(65536)  # type: ignore[union-attr]
                if not sent:
                    return
                ready.data.sendall(sent)


def _write_certificates(folder: Path) -> None:
    """Write a certificate for the hosts of Azure with its key, and the authority that signed it."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "for this test only")])
    now = dt.datetime.now(dt.UTC)

    def signed(subject: x509.Name, public: rsa.RSAPublicKey, extension: x509.ExtensionType, *, critical: bool) -> bytes:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical)
        builder = builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=1))
        return builder.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    ca = signed(issuer, authority.public_key(), x509.BasicConstraints(ca=True, path_length=0), critical=True)
    hosts: list[x509.GeneralName] = [x509.DNSName(f"*{end}") for end in (_BLOBS, _VAULTS)]
    hosts.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    host = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Azure on loopback")])
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(ca)
    (folder / "cert.pem").write_bytes(
        signed(host, key.public_key(), x509.SubjectAlternativeName(hosts), critical=False)
    )
    (folder / "key.pem").write_bytes(private)
