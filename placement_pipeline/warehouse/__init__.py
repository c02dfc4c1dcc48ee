"""Everything that touches tables: their definition, migrations, the embedded server, repositories.

One module per area of tables. A repository takes and returns values of ``domain``; every
write is idempotent (natural keys, upserts, one transaction).
"""
