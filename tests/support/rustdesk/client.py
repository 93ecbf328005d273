"""The client's classes for who writes tests: from client import Controller, Device, Server."""
from client_base import Server, key_of, uuid_of
from controller import Controller, Outcome
from device import Device

__all__ = ["Controller", "Device", "Outcome", "Server", "key_of", "uuid_of"]
