"""The keys that wrap data keys, by id. Two files of mode 0600 hold them, beside each other:

``master.key``        the root key (see ``kms/``), which wraps nothing but the ring's keys
``master.ring.json``  ``{"v": 1, "primary": "k1", "keys": {"k1": {"state": "active", "wrap": "local",
                      "blob": "…", "kcv": "16 hex", "created": 1760000000}}}``

Each key of the ring is wrapped by the root and has a check value, so that a root or a ring of another
installation is found when the process starts. ``state`` is ``active`` (seals and opens), ``decrypt`` (only
opens) or ``destroyed``. The root moves to a KMS by wrapping the same keys again: no sealed value changes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NoReturn, SupportsIndex

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from integrations.encryption import aead
from integrations.encryption.kms.base import KeyWrapper
from integrations.encryption.kms.local import LocalRoot
from integrations.errors import KeyRingError, SealBroken

_KID = re.compile(r"k[1-9][0-9]{0,5}")
_MODE = 0o600


class RingKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    state: Literal["active", "decrypt", "destroyed"]
    wrap: str
    blob: str
    kcv: str
    created: int
    wrap_ref: str = ""


class RingFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: Literal[1]
    primary: str
    keys: dict[str, RingKey]


class KeyRing:
    """The unwrapped keys of one ring. Immutable; a rotation loads a new one."""

    __slots__ = ("_derived", "_keys", "primary")

    def __init__(self, primary: str, keys: Mapping[str, bytes]) -> None:
        self.primary = primary
        self._keys = dict(keys)
        self._derived: dict[tuple[str, str], bytes] = {}

    @classmethod
    def load_or_create(
        cls, path: Path, *, is_needed: Callable[[], bool] = lambda: False
    ) -> KeyRing:
        """The ring whose root key is in ``path``. Both files are made when missing, unless ``is_needed()``
        says that something is stored which only the lost ones open. Raises KeyRingError.
        """
        try:
            missing = [file for file in (path, ring_file(path)) if not file.exists()]
            if missing:
                _refuse_new(path, missing, is_needed)
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write_once(path, LocalRoot.make().encode())
                _write_once(ring_file(path), _new_ring(LocalRoot(_read(path), path)))
            return cls.load(path)
        except OSError as error:
            raise KeyRingError(
                f"The master key {path} cannot be used: {error.strerror}. The user who runs this server "
                "must be able to read and write it and its folder."
            ) from None

    @classmethod
    def load(cls, path: Path) -> KeyRing:
        """Read, unwrap and check both files."""
        file, root = _parse(ring_file(path)), LocalRoot(_read(path), path)
        keys = {
            kid: _unwrap(root, kid, key, ring_file(path))
            for kid, key in file.keys.items()
            if key.state != "destroyed"
        }
        return cls(file.primary, keys)

    @property
    def ids(self) -> tuple[str, ...]:
        """The keys that still open something, the primary first."""
        return (self.primary, *(kid for kid in self._keys if kid != self.primary))

    def key(self, kid: str) -> bytes:
        """Raises SealBroken for a key that is unknown or destroyed."""
        try:
            return self._keys[kid]
        except KeyError:
            raise SealBroken(
                f"sealed with key {kid!r}, which this key ring does not hold"
            ) from None

    def subkey(self, label: str, kid: str = "") -> bytes:
        """A key for another purpose (``pat-pepper``, …), derived from the key ``kid`` or the primary."""
        kid = kid or self.primary
        if (label, kid) not in self._derived:
            hkdf = HKDF(SHA256(), aead.KEY_BYTES, salt=None, info=b"aim/v1/" + label.encode())
            self._derived[label, kid] = hkdf.derive(self.key(kid))
        return self._derived[label, kid]

    def __repr__(self) -> str:
        return f"KeyRing(primary={self.primary!r}, ids={self.ids!r})"

    def __getstate__(self) -> NoReturn:
        raise TypeError("a KeyRing cannot be pickled")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a KeyRing cannot be pickled")


def ring_file(path: Path) -> Path:
    """Where the ring of the root key in ``path`` lies."""
    return path.with_suffix(".ring.json")


def check_value(key: bytes) -> str:
    return hmac.new(key, b"aim-kcv", hashlib.sha256).hexdigest()[:16]


def _refuse_new(path: Path, missing: list[Path], is_needed: Callable[[], bool]) -> None:
    """Raises KeyRingError where a new file would hide that the right one was lost."""
    names = " and ".join(map(str, missing))
    if is_needed():
        raise KeyRingError(
            f"{names} cannot be found, but keys or tokens are stored that only it opens. "
            "Put it back from the backup, or set AIM_MASTER_KEY_FILE to where it is."
        )
    if missing == [path]:
        raise KeyRingError(
            f"{path} cannot be found, but its key ring {ring_file(path)} is there. Put the master key back "
            "from the backup, or move the key ring away to begin anew."
        )


def _new_ring(root: KeyWrapper) -> bytes:
    kid, key = "k1", os.urandom(aead.KEY_BYTES)
    entry = RingKey(
        state="active",
        wrap=root.name,
        blob=aead.to_text(root.wrap(key, kid)),
        kcv=check_value(key),
        created=int(time.time()),
    )
    text = msgspec.json.encode(RingFile(v=1, primary=kid, keys={kid: entry}))
    return msgspec.json.format(text, indent=2) + b"\n"


def _parse(path: Path) -> RingFile:
    try:
        file = msgspec.json.decode(_read(path), type=RingFile)
    except msgspec.MsgspecError:
        raise _damaged(path) from None
    primary = file.keys.get(file.primary)
    if primary is None or primary.state != "active" or not all(map(_KID.fullmatch, file.keys)):
        raise _damaged(path)
    return file


def _unwrap(root: KeyWrapper, kid: str, entry: RingKey, path: Path) -> bytes:
    if entry.wrap != root.name:
        raise KeyRingError(
            f"The key {kid} in {path} is wrapped by {entry.wrap!r}, not by {root.name!r}."
        )
    try:
        blob = aead.from_text(entry.blob)
    except ValueError:
        raise _damaged(path) from None
    key = root.unwrap(blob, kid)
    if len(key) != aead.KEY_BYTES or not hmac.compare_digest(check_value(key), entry.kcv):
        raise _damaged(path)
    return key


def _damaged(path: Path) -> KeyRingError:
    return KeyRingError(f"The key ring {path} is damaged. Put it back from the backup.")


def _read(path: Path) -> str:
    """The text of a file that only its owner may read; raises KeyRingError for any other."""
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise KeyRingError(
                f"{path} is open to other users of this machine (mode {mode:04o}). Run: chmod 600 {path}"
            )
        try:
            return file.read(1 << 20).decode("ascii")
        except UnicodeDecodeError:
            raise _damaged(path) from None


def _write_once(path: Path, content: bytes) -> None:
    """Make ``path`` whole or not at all; when another process was first, its file stays."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
