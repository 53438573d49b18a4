// HiGHS in the page, in the shape that solver.py asks for: JSON in and out, since Python and JavaScript share no objects.

export function port(highs) {
  return {
    solve(programme, options) {
      let found;
      try {
        found = highs.solve(programme, JSON.parse(options));
      } catch (failure) {
        return JSON.stringify({ unreadable: `the programme cannot be solved: ${failure.message ?? failure}` });
      }
      const columns = Object.entries(found.Columns).map(([name, column]) => [name, column.Primal]);
      const rows = found.Rows.filter((row) => row.Dual !== undefined).map((row) => [row.Name, row.Dual]);
      return JSON.stringify({ status: found.Status, value: found.ObjectiveValue, variables: Object.fromEntries(columns), prices: Object.fromEntries(rows) });
    },
  };
}
