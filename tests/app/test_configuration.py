"""The mesh configuration of an installation is looked at before anything starts."""

from lateen.app.configuration import configuration_findings
from lateen.desired.install.operator import options_from_operator


def test_the_default_installation_has_nothing_to_say() -> None:
    assert configuration_findings(options_from_operator({}, "1").options) == ()


def test_settings_without_effect_and_unknown_ones_are_named() -> None:
    settings = {"proxyHttpPort": 80, "noSuchField": 1, "defaultConfig": {"statNameLength": 9}}
    found = configuration_findings(options_from_operator({"meshConfig": settings}, "1").options)

    assert {finding.path for finding in found} == {
        "data.mesh.proxyHttpPort",
        "data.mesh.noSuchField",
        "data.mesh.defaultConfig.statNameLength",
    }
    assert {finding.severity for finding in found} == {"warning"}
