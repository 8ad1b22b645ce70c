"""Namespaces of the SOAP stack.

Source: SOAP 1.2 part 1; WS-Addressing 1.0; WSS SOAP Message Security 1.0; XOP 1.0.
"""

from typing import Final

SOAP: Final = "http://www.w3.org/2003/05/soap-envelope"
SOAP_1_1: Final = "http://schemas.xmlsoap.org/soap/envelope/"
WSA: Final = "http://www.w3.org/2005/08/addressing"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
XOP: Final = "http://www.w3.org/2004/08/xop/include"
#: Where the base puts what a program needs to know of a refusal: code, location, requirement, remedy.
ERROR: Final = "urn:socle:error"

ANONYMOUS: Final = f"{WSA}/anonymous"
XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
