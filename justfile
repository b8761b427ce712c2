# The five commands of a working day: `just`, or `uvx --from rust-just just` where it is not installed.

# List the recipes.
default:
    @just --list

# Install what is locked and the commit hooks.
setup:
    uv sync --all-extras
    uv run pre-commit install

# Run the tests of one part, such as `just test tests/report`; all of them without an argument.
test *ARGS:
    uv run pytest {{ARGS}}

# Format, lint, check types and layers, as the commit hooks do.
check:
    uv run pre-commit run --all-files

# Run the quickstart and open its report.
run CONFIG="configs/backtest/quickstart.yaml":
    uv run qe backtest {{CONFIG}}
    uv run qe report last --open

# Run all that CI runs, on a fresh clone of what is committed.
ci:
    bash .ci/run
