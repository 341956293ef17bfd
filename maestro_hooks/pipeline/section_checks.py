"""Reach the checker of a manifest section: the plugin of the section's name, loaded alone, behind the host's guard.

Invariant: whatever is wrong with that plugin, the answer is the step "not checked"; it is never green, and no other
plugin is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.evidence.steps import Status, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_hooks.evidence.leaf import Leaf
    from maestro_hooks.evidence.manifest import Manifest

HOOK = "maestro_verify"


def check_section(section: str, manifest: Manifest, leaves: Mapping[int, Leaf]) -> Sequence[Step]:
    """What the plugin named ``section`` says of that section; ``leaves`` are included leaves by index."""
    from maestro_hooks.config import HostSettings  # noqa: PLC0415 - only for a manifest that has the section
    from maestro_hooks.discovery import duplicates, find_plugins  # noqa: PLC0415
    from maestro_hooks.host import Failure, guarded, load_plugin, new_manager  # noqa: PLC0415
    from maestro_hooks.requests import VerifyRequest  # noqa: PLC0415

    found = [f for f in find_plugins() if f.name == section]
    if not found:
        return [_unchecked(section, f"no plugin named {section} is installed to check it")]
    manager = new_manager()
    plugin = load_plugin(found[0], HostSettings(), duplicates(found), manager)
    if plugin.state != "loaded" or HOOK not in plugin.hooks:
        return [_unchecked(section, f"plugin {section} cannot check it: {plugin.reason or 'it has no checker'}")]
    module = manager.get_plugin(section)
    request = VerifyRequest(section=section, manifest=manifest, leaves=leaves)
    answer = guarded(section, HOOK, lambda: list(getattr(module, HOOK)(request)))
    if isinstance(answer, Failure):
        return [_unchecked(section, str(answer))]
    if not answer or any(not isinstance(step, Step) or step.step != section for step in answer):
        return [_unchecked(section, f"plugin {section} gave no answer about this section")]
    return answer


def _unchecked(section: str, words: str) -> Step:
    return Step(section, Status.NOT_CHECKED, words)
