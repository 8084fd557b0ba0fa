"""A real RFC 3161 authority on this machine: `openssl ts` with keys of its own."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
accuracy = secs:1
"""


@dataclass(frozen=True)
class TimeAuthority:
    folder: Path

    @property
    def root(self) -> Path:
        """The certificate to give to a verifier."""
        return self.folder / "root.pem"

    def answer(self, question: bytes) -> bytes:
        """The authority's answer, DER."""
        (self.folder / "question.tsq").write_bytes(question)
        self._openssl(
            *("ts", "-reply", "-config", "ca.cnf", "-section", "here"),
            *("-queryfile", "question.tsq", "-signer", "leaf.pem", "-inkey", "leaf.key"),
            *("-out", "answer.tsr"),
        )
        return (self.folder / "answer.tsr").read_bytes()

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def authority_in(folder: Path, name: str = "Test authority") -> TimeAuthority:
    folder.mkdir()
    (folder / "ca.cnf").write_text(CONFIGURATION.format(folder=folder, name=name))
    (folder / "serial").write_text("01\n")
    made = TimeAuthority(folder)
    made._openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-config", "ca.cnf"),
        *("-extensions", "root", "-keyout", "root.key", "-out", "root.pem"),
    )
    made._openssl(
        *("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name} stamps"),
        *("-config", "ca.cnf", "-keyout", "leaf.key", "-out", "leaf.csr"),
    )
    made._openssl(
        *("x509", "-req", "-in", "leaf.csr", "-CA", "root.pem", "-CAkey", "root.key"),
        *("-CAcreateserial", "-days", "3650", "-extfile", "ca.cnf", "-extensions", "leaf"),
        *("-out", "leaf.pem"),
    )
    return made
