"""Passwords as they are stored: scrypt with a salt of their own. Nothing here keeps or prints a password.

hashed(password) -> str              what to store
matches(password, stored) -> bool    in a time that does not depend on where they differ
check_new(password, name)            InputError where it is too short or too plain
"""

import base64
import hashlib
import hmac
import secrets
import threading
import unicodedata

from labelsieve.core.errors import InputError

SHORTEST, LONGEST = 10, 1024  # characters
COST, BLOCK, PARALLEL = 2**15, 8, 3  # OWASP's parameters for 32 MB of memory
_ONE_AT_A_TIME = threading.Lock()  # many guesses at once never take more than one's memory
_PLAIN = frozenset("password labelsieve 1234567890 0123456789 qwertyuiop passwordpassword".split())


def check_new(password: str, name: str) -> None:
    """InputError for a password that may not be set."""
    text = _same_letters(password)
    hint = "a few words that nobody would put together are long and easy to remember."
    if len(text) < SHORTEST:
        raise InputError(f"the password has {len(text)} characters; expected at least {SHORTEST}.", hint)
    if len(text) > LONGEST:
        raise InputError(f"the password has {len(text)} characters; expected at most {LONGEST}.", hint)
    if text.casefold() in _PLAIN or text.casefold() in (name.casefold(), name.casefold() * 2) or len(set(text)) < 4:
        raise InputError("the password is one that is guessed first.", hint)


def hashed(password: str) -> str:
    """The text to store: the parameters, the salt and the key. Cost: about .2 s and 32 MB."""
    salt = secrets.token_bytes(16)
    return "$".join(("scrypt", str(COST), str(BLOCK), str(PARALLEL), _text(salt), _text(_key(password, salt))))


def matches(password: str, stored: str) -> bool:
    """Whether the password is the stored one. Where nothing is stored it takes as long, and says no."""
    parts = stored.split("$")
    if len(parts) != 6 or parts[0] != "scrypt" or len(password) > LONGEST:
        _key(password[:LONGEST], b"nobody")
        return False
    cost, block, parallel = (int(part) for part in parts[1:4])
    salt, key = (base64.b64decode(part) for part in parts[4:])
    return hmac.compare_digest(_key(password, salt, cost, block, parallel), key)


def _key(password: str, salt: bytes, cost: int = COST, block: int = BLOCK, parallel: int = PARALLEL) -> bytes:
    raw = _same_letters(password).encode("utf-8", "surrogatepass")
    with _ONE_AT_A_TIME:
        return hashlib.scrypt(raw, salt=salt, n=cost, r=block, p=parallel, maxmem=2 * 128 * cost * block, dklen=32)


def _same_letters(password: str) -> str:
    """The same letters, whichever keyboard wrote them (NIST SP 800-63B: NFKC)."""
    return unicodedata.normalize("NFKC", password)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
