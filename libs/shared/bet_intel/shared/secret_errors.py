"""What may be wrong with stored secrets. Apart from them: the images of services that have none lack what they need."""


class SecretBoxError(Exception):
    """A key or a box cannot be used; the message says what to do."""
