{#- The date of a moment in the business time zone. -#}
{% macro business_day(moment) -%}
    ({{ moment }} at time zone '{{ env_var("PLACEMENT_DBT_TIME_ZONE", "UTC") }}')::date
{%- endmacro %}
