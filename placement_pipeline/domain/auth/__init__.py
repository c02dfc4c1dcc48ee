"""Mail authentication: what SPF, DKIM and DMARC say of a domain and of a received message.

Rules only. DNS is asked through the ``Resolver`` that is passed in; the message is bytes.
"""
