"""Label selectors as a query of the API server has them (upstream's `labels.Selector.String`)."""

from serin.api.autoscaling_metrics import MetricSelector, SelectorOperator, SelectorRequirement


def selector_text(selector: MetricSelector | None) -> str:
    """The selector in one line, in the order of its labels; empty if it selects everything."""
    if selector is None:
        return ""
    parts = [(label, f"{label}={value}") for label, value in (selector.match_labels or {}).items()]
    parts += [(each.key, _requirement(each)) for each in selector.match_expressions or ()]
    return ",".join(text for _, text in sorted(parts, key=lambda part: part[0]))


def _requirement(requirement: SelectorRequirement) -> str:
    match requirement.operator:
        case SelectorOperator.EXISTS:
            return requirement.key
        case SelectorOperator.DOES_NOT_EXIST:
            return f"!{requirement.key}"
        case SelectorOperator.IN | SelectorOperator.NOT_IN:
            word = "in" if requirement.operator is SelectorOperator.IN else "notin"
            return f"{requirement.key} {word} ({','.join(sorted(requirement.values or ()))})"
