"""ISO Schematron, compiled: a rule set becomes a plan that visits each document once.

Source: ISO/IEC 19757-3:2016; XPath 2.0 (W3C 2010).
"""
