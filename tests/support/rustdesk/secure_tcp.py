"""RustDesk's encryption of TCP to hbbs (hbb_common, tcp.rs and KeyExchange of rendezvous.proto), with libsodium, and
the signatures of hbbs. The server speaks first: keys[0] is its Curve25519 key of the moment, signed by its Ed25519 key.
The client answers with its own key and a random key for crypto_secretbox, sealed by crypto_box under a nonce of zeros.
Afterwards each frame of more than one byte is sealed; the nonce counts frames, from 1, apart for each direction.
"""
import base64
import ctypes
import os

_sodium = ctypes.CDLL("libsodium.so.23")
if _sodium.sodium_init() < 0:
    raise OSError("libsodium does not start")

SIGNATURE = 64
_MAC = 16
_ZERO_NONCE = bytes(24)


class SecureError(ValueError):
    """What came is not what the other side's key, or ours, would have made."""


def _call(function, *arguments):
    if getattr(_sodium, function)(*arguments) != 0:
        raise SecureError(f"{function} refuses what came")


def _length(data):
    return ctypes.c_ulonglong(len(data))


def new_server_key():
    """An Ed25519 key as hbbs has it in the file id_ed25519: (public 32 bytes, secret 64 bytes)."""
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    _call("crypto_sign_keypair", public, secret)
    return public.raw, secret.raw


def read_server_key(path):
    with open(path, encoding="ascii") as file:
        secret = base64.b64decode(file.read().strip(), validate=True)
    if len(secret) != 64:
        raise SecureError(f"{path}: not the 64 bytes of an Ed25519 key in base64, as hbbs writes them to id_ed25519")
    return secret[32:], secret


def sign(message, secret):
    """The signature and the message behind it."""
    signed = ctypes.create_string_buffer(SIGNATURE + len(message))
    _call("crypto_sign", signed, None, message, _length(message), secret)
    return signed.raw


def verify(signed, public):
    """The message behind a good signature."""
    if len(signed) < SIGNATURE:
        raise SecureError("shorter than a signature")
    message = ctypes.create_string_buffer(len(signed))
    _call("crypto_sign_open", message, None, signed, _length(signed), public)
    return message.raw[: len(signed) - SIGNATURE]


class Cipher:
    """Both directions of one connection."""

    def __init__(self, key):
        self._key, self._sent, self._received = key, 0, 0

    def seal(self, data):
        if len(data) <= 1:
            return data
        self._sent += 1
        sealed = ctypes.create_string_buffer(len(data) + _MAC)
        _call("crypto_secretbox_easy", sealed, data, _length(data), self._sent.to_bytes(24, "little"), self._key)
        return sealed.raw

    def open(self, data):
        if len(data) <= 1:
            return data
        self._received += 1
        if len(data) < _MAC:
            raise SecureError("shorter than what is sealed")
        opened = ctypes.create_string_buffer(len(data))
        nonce = self._received.to_bytes(24, "little")
        _call("crypto_secretbox_open_easy", opened, data, _length(data), nonce, self._key)
        return opened.raw[: len(data) - _MAC]


def _new_box_key():
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
    _call("crypto_box_keypair", public, secret)
    return public.raw, secret.raw


class ServerHandshake:
    """The server's side: `offer` goes first, answer() makes the Cipher of what the client says to it."""

    def __init__(self, signing_key):
        public, self._secret = _new_box_key()
        self.offer = [sign(public, signing_key)]

    def answer(self, keys):
        if [len(key) for key in keys] != [32, 48]:
            raise SecureError("not a key and a sealed key")
        key = ctypes.create_string_buffer(32)
        _call("crypto_box_open_easy", key, keys[1], _length(keys[1]), _ZERO_NONCE, keys[0], self._secret)
        return Cipher(key.raw)


def accept_offer(keys, public):
    """The client's side: (keys to answer with, Cipher). `public` is the server's key as clients are configured."""
    if len(keys) != 1:
        raise SecureError("not one key")
    server = verify(keys[0], public)
    if len(server) != 32:
        raise SecureError("no Curve25519 key is behind the signature")
    own_public, own_secret = _new_box_key()
    key = os.urandom(32)
    sealed = ctypes.create_string_buffer(len(key) + _MAC)
    _call("crypto_box_easy", sealed, key, _length(key), _ZERO_NONCE, server, own_secret)
    return [own_public, sealed.raw], Cipher(key)
