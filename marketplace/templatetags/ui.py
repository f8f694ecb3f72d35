"""Template tags and filters that every page may use: {% icon %}, {% provider_logo %}, |money, |ago, |tokens."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from providers.catalogue.spec import ProviderSpec
from providers.registry import catalogue

register = template.Library()

_OWN_LOGOS = "img/providers/{}.svg"
_VENDOR_LOGOS = ("vendor/lobehub-icons-1.95.1/{}", "vendor/simple-icons-16.37.0/{}")
_CENT = Decimal("0.01")


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """The symbol ``name`` of static/img/icons.svg in the text's colour. With ``label`` it is read out."""
    href = f"{static('img/icons.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>', label, href
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"></use></svg>', href)


@register.simple_tag
def provider_logo(provider: ProviderSpec | str, size: str = "") -> SafeString:
    """The provider's logo on its tile, or its initial. Its name always stands beside it, so it says nothing itself.

    ``size`` "small" is for lists.
    """
    spec = catalogue().get(provider) if isinstance(provider, str) else provider
    path = _logo_path(spec.id, spec.icon) if spec else None
    if spec is None or path is None:
        name = spec.name if spec else str(provider)
        return format_html(
            '<span class="logo {}" aria-hidden="true">{}</span>', size, name[:1].upper()
        )
    mono = "mono" if spec.icon_mono else ""
    return format_html(
        '<span class="logo {}"><img class="{}" src="{}" alt=""></span>', size, mono, static(path)
    )


@cache
def _logo_path(slug: str, icon_name: str) -> str | None:
    """Our own mark for the provider, else the vendored file that its data names."""
    vendored = [place.format(icon_name) for place in _VENDOR_LOGOS if icon_name]
    places = [_OWN_LOGOS.format(slug), *vendored]
    return next((path for path in places if finders.find(path)), None)


@register.filter
def money(amount: Decimal | None) -> str:
    """US dollars; small sums keep two significant digits, and an unknown price is never shown as zero."""
    if amount is None:
        return "unpriced"
    if amount == 0 or abs(amount) >= _CENT:
        return f"${amount.quantize(_CENT, ROUND_HALF_UP):,}"
    return f"${amount.quantize(Decimal(1).scaleb(amount.adjusted() - 1), ROUND_HALF_UP):f}"


@register.filter
def exact(amount: Decimal) -> str:
    """US dollars with every digit, where they shall add up, and with cents at least."""
    _, _, cents = f"{amount.normalize():f}".partition(".")
    return f"${amount:.{max(2, len(cents))}f}"


@register.filter
def tokens(count: int | None) -> str:
    """``940``, ``12.3k``, ``1.2M``; nothing counted is a dash."""
    if count is None:
        return "–"
    for size, unit in ((1_000_000, "M"), (10_000, "k")):
        if count >= size:
            value = count / (1_000_000 if unit == "M" else 1_000)
            return f"{value:.1f}".removesuffix(".0") + unit
    return f"{count:,}"


@register.filter
def percent(share: float | None) -> str:
    """``98.5 %``; nothing counted is a dash, and only all is 100."""
    if share is None:
        return "–"
    return f"{share * 100:.0f} %" if share in (0, 1) else f"{min(share * 100, 99.9):.1f} %"


@register.filter
def duration(milliseconds: int | None) -> str:
    """``840 ms``, ``3.2 s``, ``2 min 5 s``."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1_000:.1f} s"
    minutes, rest = divmod(round(milliseconds / 1_000), 60)
    return f"{minutes} min {rest} s"


@register.filter
def seconds(count: float) -> str:
    """``0.5 s``, ``90 s``, ``5 min``, ``24 h``: the largest unit that loses nothing, beyond two of it."""
    for size, unit in ((3_600, "h"), (60, "min")):
        if count >= 2 * size and count % size == 0:
            return f"{count / size:.12g} {unit}"
    return f"{count:.12g} s"


@register.filter
def took(milliseconds: float) -> str:
    """A duration that may be less than a millisecond."""
    if 0 < milliseconds < 9.95:
        return f"{milliseconds:.1f} ms"
    return duration(round(milliseconds))


@register.filter
def words(code: str) -> str:
    """A code as words: ``rate_limit`` becomes ``Rate limit``."""
    return code.replace("_", " ").capitalize()


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """``5 min ago`` with the exact time behind it; ``never`` for no time."""
    if moment is None:
        return "never"
    exact = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        exact.isoformat(timespec="seconds"),
        exact.strftime("%Y-%m-%d %H:%M:%S UTC"),
        _distance((timezone.now() - moment).total_seconds(), moment),
    )


def _distance(seconds: float, moment: datetime) -> str:
    if seconds < 60:
        return "just now"
    for limit, size, unit in ((3600, 60, "min"), (86_400, 3600, "h"), (30 * 86_400, 86_400, "d")):
        if seconds < limit:
            return f"{int(seconds // size)} {unit} ago"
    return moment.strftime("%-d %b %Y")
