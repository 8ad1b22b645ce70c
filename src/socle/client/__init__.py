"""The SDK that vendors import. It talks to a base over the network and imports `socle.standards` alone."""
