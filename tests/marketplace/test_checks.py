"""What `manage.py check` says about an installation."""

import pytest

from marketplace.checks import cleartext, data_is_private


@pytest.mark.parametrize(
    ("host", "url", "warnings"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000", 0),
        ("0.0.0.0", "https://ai.example.com", 0),
        ("0.0.0.0", "http://ai.example.com", 1),
    ],
)
def test_keys_do_not_cross_a_network_in_the_clear(settings, host, url, warnings):
    settings.AIM_HOST, settings.AIM_PUBLIC_URL = host, url
    assert len(cleartext(None)) == warnings


@pytest.mark.parametrize(("mode", "warnings"), [(0o700, 0), (0o750, 1), (0o704, 1)])
def test_data_folder_is_for_one_user(settings, tmp_path, mode, warnings):
    tmp_path.chmod(mode)
    settings.AIM_DATA_DIR = tmp_path
    assert len(data_is_private(None)) == warnings
