"""SOAP 1.2, WS-Addressing and MTOM/XOP: bytes of an HTTP body <-> a typed message, bounded and strict."""

from socle.standards.soap.envelope import Message, read_message, write_message
from socle.standards.soap.fault import Fault, FaultCode, fault_of, read_fault, write_fault
from socle.standards.soap.mtom import Package, Part, read_package, write_package

__all__ = [
    "Fault",
    "FaultCode",
    "Message",
    "Package",
    "Part",
    "fault_of",
    "read_fault",
    "read_message",
    "read_package",
    "write_fault",
    "write_message",
    "write_package",
]
