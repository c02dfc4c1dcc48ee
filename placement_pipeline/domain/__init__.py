"""Pure rules: values in, values out.

No Dagster, no network, no SQL, no clock and no environment belong here. What a rule
needs from outside (a moment, a DNS answer, a rendered template) is passed in.

A test's way is ``sends`` (what goes out, and what may again), ``seeds`` (where it came to lie, and
why not) and ``scores``. What is wrong with a sender or a message is the matter of ``auth``,
``content`` and ``reputation``, which ``audit`` asks together; each finding has a code of ``reasons``,
and none of these knows of a test. What all share lies beside them: ``words``, ``roster``, ``names`` ...
"""
