from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from accounts.models import Account, Deal
from tradershub.core import audit

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def test_the_example_is_booked_by_the_importer_once():
    ada = User.objects.create_user("ada")
    call_command("demo", owner="ada")
    accounts = Account.objects.filter(owner=ada)
    assert accounts.count() == 4
    assert accounts.values("broker").distinct().count() == 3
    assert accounts.values("currency").distinct().count() == 3
    booked = Deal.objects.count()
    assert booked > 500

    call_command("demo", owner="ada")
    assert (Deal.objects.count(), accounts.count()) == (booked, 4)
    assert audit.verify() == []


def test_an_unknown_owner_gets_one_sentence():
    with pytest.raises(CommandError, match='There is no person "nobody"'):
        call_command("demo", owner="nobody")
