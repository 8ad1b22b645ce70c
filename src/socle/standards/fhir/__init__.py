"""FHIR R4 (4.0.1): typed resources, JSON and XML codecs, search, bundles, patches, and the PDSm mapping.

Resources are frozen ``msgspec`` structs with Python names (``birth_date`` for ``birthDate``, ``class_`` for ``class``),
repeated elements are tuples, ``value[x]`` is one field a type (``value_string``, ``value_coding`` …), and the id and
extensions of a primitive are in the field of the same name with ``_element`` (``birth_date_element`` for
``_birthDate``). Elements come out in the order of the specification. ``List`` is called ``ListResource``.

>>> from socle.standards.fhir.json_codec import decode_json, encode_json
>>> from socle.standards.fhir.resources import Organization
>>> from socle.standards.fhir.types import Identifier
>>> organization = Organization(identifier=(Identifier(system="urn:oid:1.2", value="1750000018"),), name="CHU fictif")
>>> encode_json(organization).decode()
'{"resourceType":"Organization","identifier":[{"system":"urn:oid:1.2","value":"1750000018"}],"name":"CHU fictif"}'
>>> decode_json(encode_json(organization)) == organization
True

A decoder is strict: what is not FHIR R4 is refused with a ``MalformedInput`` whose ``location`` is the FHIRPath
expression of what is wrong. A struct is not checked when built in Python, beyond what ``mypy`` proves.

``primitives``, ``types``, ``resources``
    the model; the last two are written by ``generate.py`` from the R4 definitions: add a resource by its name there.
``json_codec``, ``xml_codec``
    ``decode_json(body)`` or ``decode_json(body, Patient)``, ``encode_json(resource)``; the same for XML.
``search``
    ``parse_query`` reads the parameters of a search against declared ``Parameter`` kinds.
``bundle``, ``outcome``, ``capability``
    searchsets with opaque paging links, OperationOutcomes from refusals, the CapabilityStatement.
``patch``
    JSON Patch, XML Patch and FHIRPath Patch of one resource.
``pdsm``
    DocumentReference, List and ITI-65 bundles to and from ``socle.standards.xds.model``.
"""
