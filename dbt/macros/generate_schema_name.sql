{#- A model's schema is exactly the one it names: BI reads `marts`, not a name made of two. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
