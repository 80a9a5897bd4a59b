"""A thin hold on OR-Tools' CP-SAT: yes-or-no variables, linear limits, one objective.

The model is written straight into the solver's own structures: `cp_model`, the layer above them, loads pandas, which
takes longer than a re-plan may.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Status = Literal["optimal", "feasible", "infeasible", "unknown"]
_LEAST, _MOST = -(1 << 62), 1 << 62


class Answer(NamedTuple):
    """`cost` and `bound` are whole; `core`: of what was assumed, what cannot hold together (if infeasible)."""

    status: Status
    values: Sequence[int] = ()
    cost: int = 0
    bound: int = 0
    core: tuple[int, ...] = ()


class Model:
    """Variables are numbers from 0; minus one minus a number is its opposite."""

    def __init__(self) -> None:
        from ortools.sat.python import cp_model_helper

        self._solver: Any = cp_model_helper
        self._proto = cp_model_helper.CpModelProto()
        self._count = 0

    def booleans(self, count: int) -> int:
        """The first of so many."""
        first = self._count
        for _ in range(count):
            self._proto.variables.add().domain.extend((0, 1))
        self._count += count
        return first

    def whole(self, least: int, most: int) -> int:
        self._proto.variables.add().domain.extend((least, most))
        self._count += 1
        return self._count - 1

    def number(self, least: int, most: int) -> int:
        """One that is whole because others are."""
        return self.whole(least, most)

    def limit(
        self,
        variables: Sequence[int],
        factors: Sequence[int],
        least: int | None = None,
        most: int | None = None,
        only_if: Sequence[int] = (),
    ) -> None:
        constraint = self._proto.constraints.add()
        if only_if:
            constraint.enforcement_literal.extend(only_if)
        linear = constraint.linear
        linear.vars.extend(variables)
        linear.coeffs.extend(factors)
        linear.domain.extend((_LEAST if least is None else least, _MOST if most is None else most))

    def at_most_one(self, literals: Sequence[int]) -> None:
        self._proto.constraints.add().at_most_one.literals.extend(literals)

    def exactly_one(self, literals: Sequence[int]) -> None:
        self._proto.constraints.add().exactly_one.literals.extend(literals)

    def any_of(self, literals: Sequence[int]) -> None:
        self._proto.constraints.add().bool_or.literals.extend(literals)

    def minimise(self, variables: Sequence[int], factors: Sequence[int], offset: int = 0) -> None:
        self._proto.objective.vars.extend(variables)
        self._proto.objective.coeffs.extend(factors)
        self._proto.objective.offset = offset

    def hint(self, variables: Sequence[int], values: Sequence[int]) -> None:
        """Where to look first."""
        self._proto.clear_solution_hint()
        self._proto.solution_hint.vars.extend(variables)
        self._proto.solution_hint.values.extend(values)

    def assume(self, literals: Sequence[int]) -> None:
        self._proto.assumptions.clear()
        self._proto.assumptions.extend(literals)

    def solve(
        self,
        seconds: float,
        workers: int,
        seed: int = 0,
        **parameters: Any,
    ) -> Answer:
        """`parameters`: further ones of the solver's own."""
        wanted = self._solver.SatParameters()
        wanted.max_time_in_seconds = max(seconds, 0.01)
        wanted.num_workers = workers
        wanted.random_seed = seed & 0x7FFFFFFF
        for name, value in parameters.items():
            setattr(wanted, name, value)
        wrapper = self._solver.SolveWrapper()
        wrapper.set_parameters(wanted)
        response = wrapper.solve(self._proto)
        status = self._status(response.status)
        if status == "infeasible":
            return Answer(status, core=tuple(response.sufficient_assumptions_for_infeasibility))
        bound = math.ceil(response.best_objective_bound - 1e-6) if math.isfinite(response.best_objective_bound) else 0
        if status == "unknown":
            return Answer(status, bound=bound)
        return Answer(status, tuple(response.solution), round(response.objective_value), bound)

    def _status(self, status: Any) -> Status:
        kinds = self._solver.CpSolverStatus
        known: dict[Any, Status] = {
            kinds.OPTIMAL: "optimal",
            kinds.FEASIBLE: "feasible",
            kinds.INFEASIBLE: "infeasible",
        }
        if status == kinds.MODEL_INVALID:
            raise ValueError(f"the solver refuses the model: {self._solver.CpSatHelper.validate_model(self._proto)}")
        return known.get(status, "unknown")
