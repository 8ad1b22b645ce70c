"""HL7 V3 record management of the DMP, and its two services of rights: messages <-> typed values."""
