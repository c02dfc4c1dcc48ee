"""Google's wire: the Gmail API, the token endpoint and the Reports API, on what ``post`` holds."""
