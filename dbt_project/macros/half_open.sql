{# Whether a value lies in [start, stop); a null stop leaves the interval open. #}
{% macro half_open(value, start, stop) -%}
    {{ value }} >= {{ start }} and ({{ stop }} is null or {{ value }} < {{ stop }})
{%- endmacro %}
