from django.db import migrations

BEFORE = {
    "entry", "exit", "refused", "rejected", "unknown", "stop", "limit", "link", "system", "books",
}  # fmt: skip
NEW = "approval"


def add(apps, schema_editor):
    """A channel that chose every topic there was is told of the new one."""
    for channel in apps.get_model("accounts", "Channel").objects.all():
        if set(channel.topics) >= BEFORE:
            channel.topics = [*channel.topics, NEW]
            channel.save(update_fields=["topics"])


def take_away(apps, schema_editor):
    for channel in apps.get_model("accounts", "Channel").objects.all():
        channel.topics = [topic for topic in channel.topics if topic != NEW]
        channel.save(update_fields=["topics"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0024_a_person_is_told_what_waits_for_approval")]
    operations = [migrations.RunPython(add, take_away)]
