{#- The provider groups that have columns of their own in wide models. -#}
{% macro provider_groups() -%}
    {{ return(["gmail", "microsoft365", "regional"]) }}
{%- endmacro %}
