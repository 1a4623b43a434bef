"""The one Django signal of the hub: trading answers it without risk knowing trading."""

from django.dispatch import Signal

# Sent by risk.kill_switch.engage within its transaction, once the switch is written. Arguments: `scope`
# (kill_switch.Scope) and `epoch` (int). What a receiver raises is logged and takes back only what the
# receiver wrote: the stop stands in any case.
kill_switch_engaged = Signal()
