"""Which device a declared node is; everything that is none is refused."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from gateway.tailnet.errors import Unreachable
from gateway.tailnet.peers import Status, find_peer

Device = dict[str, JsonValue]


def hugo(**differences: JsonValue) -> Device:
    return {
        "HostName": "hugo",
        "DNSName": "hugo.tail1234.ts.net.",
        "TailscaleIPs": ["fd7a:115c:a1e0::7", "100.64.0.7"],
        "Online": True,
        **differences,
    }


def status_with(*devices: Device, state: str = "Running") -> Status:
    answer = {
        "Version": "1.102.5",
        "BackendState": state,
        "CurrentTailnet": {"Name": "lab", "MagicDNSSuffix": "tail1234.ts.net"},
        "Peer": {f"nodekey:{number}": device for number, device in enumerate(devices)},
        "SomethingNew": [1],
    }
    return Status.model_validate(answer)


class TestByName:
    @pytest.mark.parametrize("name", ["hugo", "hugo.tail1234.ts.net"])
    def test_is_found_by_the_name_that_the_control_server_gave(self, name: str) -> None:
        peer, address = find_peer(status_with(hugo()), name)
        assert peer.dns_name == "hugo.tail1234.ts.net."
        assert address == "100.64.0.7"

    def test_a_device_cannot_name_itself_hugo(self) -> None:
        liar = hugo(DNSName="laptop.tail1234.ts.net.")
        with pytest.raises(Unreachable):
            find_peer(status_with(liar), "hugo")

    def test_a_device_shared_from_another_tailnet_is_not_ours(self) -> None:
        shared = hugo(DNSName="hugo.tail9999.ts.net.")
        with pytest.raises(Unreachable):
            find_peer(status_with(shared), "hugo")
        find_peer(status_with(shared), "hugo.tail9999.ts.net")

    def test_no_peers_at_all(self) -> None:
        with pytest.raises(Unreachable, match="no device"):
            find_peer(Status.model_validate({"BackendState": "Running", "Peer": None}), "hugo")

    def test_an_expired_device_is_told(self) -> None:
        with pytest.raises(Unreachable, match="expired"):
            find_peer(status_with(hugo(Expired=True)), "hugo")

    def test_a_device_without_address_is_told(self) -> None:
        with pytest.raises(Unreachable, match="no address"):
            find_peer(status_with(hugo(TailscaleIPs=None)), "hugo")

    @pytest.mark.parametrize("state", ["NoState", "NeedsLogin", "Starting", "Stopped"])
    def test_outside_of_the_tailnet_there_is_nobody(self, state: str) -> None:
        with pytest.raises(Unreachable, match="not in the tailnet now"):
            find_peer(status_with(hugo(), state=state), "hugo")


class TestByAddress:
    @pytest.mark.parametrize("address", ["100.64.0.7", "fd7a:115c:a1e0::7"])
    def test_of_a_device(self, address: str) -> None:
        assert find_peer(status_with(hugo()), address)[1] == address

    def test_in_a_subnet_that_a_device_routes(self) -> None:
        router = hugo(PrimaryRoutes=["192.168.7.0/24"])
        assert find_peer(status_with(router), "192.168.7.20")[1] == "192.168.7.20"

    @pytest.mark.parametrize(
        "address", ["100.64.0.8", "192.168.8.20", "10.0.0.1", "127.0.0.1", "8.8.8.8", "::1"]
    )
    def test_elsewhere_is_refused_also_with_an_exit_node(self, address: str) -> None:
        router = hugo(PrimaryRoutes=["192.168.7.0/24", "0.0.0.0/0", "::/0"])
        with pytest.raises(Unreachable, match="no device"):
            find_peer(status_with(router), address)
