"""SPF by RFC 7208: records, ``check_host()``, worst cases, the audit of a domain and one delivery."""
