"""PDSm and MHD: FHIR's way to share documents, mapped to and from ``socle.standards.xds.model``.

``documents``
    ``DocumentReference`` and ``DocumentEntry``.
``lists``
    ``List`` and ``SubmissionSet`` or ``Folder``.
``bundles``, ``submissions``
    ``Submission`` to ITI-65 transaction bundle; bundle or ITI-105 publication to ``Submission``.
``people``, ``systems``, ``times``, ``vocabulary``
    Contained persons and structures, coding schemes, times, canonical URLs.

What FHIR gives no place to is carried by ``urn:socle:fhir:…`` extensions, so that a submission read through one door is
the submission written through the other. The XAdES document of a submission has no counterpart in PDSm: it is shown
like any document, and a submission by FHIR carries none.

Source: PDSm 3.1.1, MHD 4.2, PDSm4DMP 0.1.0 (draft); fact sheet dmp-exchange §3.
"""
