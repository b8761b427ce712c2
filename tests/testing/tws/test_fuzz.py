"""Whatever goes wrong, the simulated broker's own books agree, and it answers again afterwards."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.testing.tws.controls import Controls
from tests.testing.tws.clients import PlainClient, SteppedGateway
from tests.testing.tws.test_connection import OnlyGateway

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("bracket"), st.integers(1, 3)),
        st.tuples(st.just("manual"), st.sampled_from(["BUY", "SELL"])),
        st.tuples(st.just("move"), st.integers(-80, 80)),
        st.tuples(st.just("wait"), st.integers(1, 20)),
        st.tuples(st.just("modify"), st.integers(-60, -10)),
        st.tuples(st.just("cancel"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(
            st.sampled_from(
                [
                    "mute",
                    "lose",
                    "lost_executions",
                    "restore",
                    "data_lost",
                    "partial",
                    "incarnations",
                ]
            ),
            st.integers(1, 5),
        ),
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_books_agree_after_any_faults(tmp_path_factory, steps):
    state = tmp_path_factory.mktemp("tws") / "state.json"
    gateway = SteppedGateway(state=state, cash=1e7)
    control, client = Controls(OnlyGateway(gateway)), PlainClient(gateway)
    for step, value in steps:
        if step == "bracket":
            client.bracket(6490, 6515, quantity=value)
        elif step == "manual":
            control.manual_order(value)
        elif step == "move":
            gateway.move(6500 + value / 4)
        elif step == "modify":
            stops = [one for one in gateway.book.open_orders() if one.type == "STP"]
            for one in stops[:1]:
                fields = {k: v for k, v in one.fields.items() if k != "auxPrice"}
                kind = {"action": fields.pop("action"), "kind": fields.pop("orderType")}
                price = 6500 + value / 4
                client.place(**kind, price=price, order_id=one.order_id, **fields)
        elif step == "cancel":
            client.ask("GlobalCancelRequest")
        elif step == "restart":
            gateway.pass_time(0.25)
            at, old = gateway.now(), client.next_id
            gateway = SteppedGateway(at, state=state, cash=1e7)
            control, client = Controls(OnlyGateway(gateway)), PlainClient(gateway)
            client.next_id = old
        else:
            trouble(control, step, value)
        gateway.pass_time(value if step == "wait" else 0.25)
    control.heal()
    gateway.reconnect()
    gateway.pass_time(1)

    executions = gateway.account.executions
    signed = sum(one.quantity if one.is_buy else -one.quantity for one in executions)
    con_id = gateway.futures.named("MESZ6").con_id
    assert gateway.account.net(con_id) == signed
    assert len({one.exec_id for one in executions}) == len(executions)
    for order in gateway.book.orders:
        booked = sum(one.quantity for one in executions if one.perm_id == order.perm_id)
        assert booked == order.filled <= order.quantity or order.status == "Cancelled"
    told = client.ask("PositionsRequest")
    assert [int(body["position"]) for name, body in told if name == "Position"] == (
        [signed] if signed else []
    )
    listed = [body for name, body in client.ask("AllOpenOrdersRequest") if name == "OpenOrder"]
    assert len(listed) == len(gateway.book.open_orders())


def trouble(control: Controls, step: str, value: int) -> None:
    if step == "mute":
        control.mute(value, then="drop" if value % 2 else "send")
    elif step == "lose":
        control.lose_acknowledgements(value)
    elif step == "lost_executions":
        control.lose_connectivity(drop_executions=True)
    elif step in ("restore", "data_lost"):
        control.restore_connectivity(data_lost=step == "data_lost")
    elif step == "partial":
        control.fill_at_most(value % 3)
    else:
        control.keep_incarnations(value % 2 == 1)
