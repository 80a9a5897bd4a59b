"""A thin hold on SCIP, as OR-Tools has it, for models of whole numbers: the same calls as `sat.Model` has.

Where numbers are large it proves in seconds what CP-SAT, which is exact, does not in minutes. It computes with
fractions that it rounds: what it finds is to be counted anew, and its bound is told a little lower.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kowloon.duty.planning.sat import Answer, Status

# How far the bound may be off, as a part of it; and how much of a whole cost is rounding.
_ROUNDED, _LEAST = 1e-6, 0.01


class LinearModel:
    """Variables are numbers from 0."""

    def __init__(self) -> None:
        from ortools.linear_solver import pywraplp

        self._library: Any = pywraplp.Solver
        self._parameters: Any = pywraplp.MPSolverParameters()
        self._solver: Any = pywraplp.Solver.CreateSolver("SCIP")
        self._infinity = self._solver.infinity()
        self._variables: list[Any] = []

    def whole(self, least: int, most: int) -> int:
        self._variables.append(self._solver.IntVar(least, most, ""))
        return len(self._variables) - 1

    def number(self, least: int, most: int) -> int:
        """One that is whole because others are."""
        self._variables.append(self._solver.NumVar(least, most, ""))
        return len(self._variables) - 1

    def limit(
        self, variables: Sequence[int], factors: Sequence[int], least: int | None = None, most: int | None = None
    ) -> None:
        constraint = self._solver.Constraint(
            -self._infinity if least is None else least, self._infinity if most is None else most
        )
        for variable, factor in zip(variables, factors, strict=True):
            constraint.SetCoefficient(self._variables[variable], factor)

    def minimise(self, variables: Sequence[int], factors: Sequence[int]) -> None:
        objective = self._solver.Objective()
        objective.SetMinimization()
        for variable, factor in zip(variables, factors, strict=True):
            objective.SetCoefficient(self._variables[variable], factor)

    def hint(self, variables: Sequence[int], values: Sequence[int]) -> None:
        """Where to look first."""
        self._solver.SetHint([self._variables[variable] for variable in variables], list(values))

    def solve(self, seconds: float, enough: float) -> Answer:
        """`enough`: how far above the bound, as a part of it, counts as optimal."""
        self._solver.SetTimeLimit(max(round(seconds * 1000), 1))
        self._parameters.SetDoubleParam(self._parameters.RELATIVE_MIP_GAP, max(enough, _ROUNDED))
        known: dict[int, Status] = {
            self._library.OPTIMAL: "optimal",
            self._library.FEASIBLE: "feasible",
            self._library.INFEASIBLE: "infeasible",
        }
        status = known.get(self._solver.Solve(self._parameters), "unknown")
        told = self._solver.Objective().BestBound()
        bound = math.ceil(told - abs(told) * _ROUNDED - _LEAST) if abs(told) < self._infinity else 0
        if status in ("unknown", "infeasible"):
            return Answer(status, bound=bound)
        values = tuple(round(variable.solution_value()) for variable in self._variables)
        return Answer(status, values, round(self._solver.Objective().Value()), bound)
