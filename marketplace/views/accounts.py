"""Setup, sign in, sign out, new password."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from marketplace import first_run, limits
from marketplace.forms.accounts import PasswordForm, SetupForm, SignInForm
from marketplace.htmx import HtmxRequest
from marketplace.limits import Rate
from marketplace.models import User
from marketplace.views import errors

_BACKEND = "django.contrib.auth.backends.ModelBackend"


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Every failure looks the same, so that nobody learns which addresses have an account."""
    if request.user.is_authenticated:
        return redirect(_way_back(request))
    form = SignInForm(request, data=request.POST or None)
    if request.method == "POST":
        address = limits.address(request)
        account = request.POST.get("username", "").strip().lower()[:254]
        rates = ((limits.SIGN_IN_ADDRESS, address), (limits.SIGN_IN_ACCOUNT, account))
        if refused := _too_often(request, *rates, counts=False):
            return refused
        if form.is_valid():
            login(request, form.get_user())
            return redirect(_way_back(request))
        for rate, key in rates:  # only what failed is a try against the limit
            limits.wait(request, rate, key)
    status = 200 if request.method != "POST" else 422
    context = {"form": form, "next": request.POST.get("next", request.GET.get("next", ""))}
    return render(request, "accounts/sign_in.html", context, status=status)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("sign-in")


@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """The first account, for whoever holds the link the server printed. The link works once."""
    if refused := _too_often(request, (limits.SETUP, limits.address(request))):
        return refused
    if not first_run.accepts(token):
        raise Http404
    form = SetupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        login(request, _first_account(form), backend=_BACKEND)
        return redirect("home")
    return render(
        request, "accounts/setup.html", {"form": form}, status=422 if form.is_bound else 200
    )


def _first_account(form: SetupForm) -> User:
    with transaction.atomic():
        user = form.save()
        if not first_run.consume():  # somebody else was faster: no second account
            raise Http404
    return user


@sensitive_post_parameters("old_password", "new_password1", "new_password2")
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HtmxRequest) -> HttpResponse:
    """A new password ends every other session; this one stays."""
    if request.method == "POST" and (
        refused := _too_often(request, (limits.PASSWORD, str(request.user.pk)))
    ):
        return refused
    form = PasswordForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        update_session_auth_hash(request, form.save())
        messages.success(request, "Your password is changed. You are signed out everywhere else.")
        return redirect("password")
    return render(
        request, "accounts/password.html", {"form": form}, status=422 if form.is_bound else 200
    )


def _too_often(
    request: HttpRequest, *tries: tuple[Rate, str], counts: bool = True
) -> HttpResponse | None:
    # Each is counted, also when an earlier one already refuses.
    seconds = max([limits.wait(request, rate, key, counts=counts) for rate, key in tries])
    if not seconds:
        return None
    minutes = f"{-(-seconds // 60)} min" if seconds > 90 else f"{seconds} seconds"
    message = f"Too many attempts. Try again in {minutes}."
    return errors.page(request, 429, message, **{"Retry-After": str(seconds)})


def _way_back(request: HttpRequest) -> str:
    """``next`` where it is a path on this site, else the marketplace."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return resolve_url(settings.LOGIN_REDIRECT_URL)
