{#- Fails for rows that share the key, and for rows in which a part of it is null. -#}
{% test is_key(model, columns) %}
select {{ columns | join(", ") }}, count(*) as row_count
from {{ model }}
group by {{ columns | join(", ") }}
having count(*) > 1 or bool_or({{ columns | join(" is null or ") }} is null)
{% endtest %}
