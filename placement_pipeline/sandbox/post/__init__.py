"""How mail is judged and moved: the office that takes it, the receivers and their filters, where it is kept.

Works on what ``world`` planted; knows no wire.
"""
