{#- Fails for rates outside 0 to 1; null is allowed, where nothing was resolved. -#}
{% test is_rate(model, column_name) %}
select {{ column_name }}
from {{ model }}
where not {{ column_name }} between 0 and 1
{% endtest %}
