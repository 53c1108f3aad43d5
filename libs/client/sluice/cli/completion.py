"""Completion of commands, options, datasets and profiles by the shell."""

import click
from click.shell_completion import get_completion_class

VARIABLE = "_SLUICE_COMPLETE"


@click.command(short_help="Print the script that makes a shell complete.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that makes SHELL complete commands, options, datasets and profiles.

    \b
    Examples:
      eval "$(sluice completion bash)"                    # in ~/.bashrc
      eval "$(sluice completion zsh)"                     # in ~/.zshrc, behind compinit
      sluice completion fish > ~/.config/fish/completions/sluice.fish
    """
    kind = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(root, {}, "sluice", VARIABLE).source())
