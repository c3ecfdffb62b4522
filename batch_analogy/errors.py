"""Every error that batch-analogy raises on purpose.

A message says what was wrong, where, and what to do about it. The command line turns each
class into an exit code (``cli/failures.py``); library callers catch the class they can handle::

    BatchAnalogyError
    ├── UsageError              the request makes no sense or would destroy something    (2)
    │   ├── ConfigError         an option or configuration value is not allowed
    │   ├── OutputExistsError   the output is already there and --overwrite was not given
    │   └── PlanChangedError    the run folder belongs to another configuration or input
    ├── InputError              a picture, folder or video cannot be used                (1)
    │   └── FrameError          one frame cannot be used; the run goes on without it
    ├── JobError                the run could not be finished                            (1)
    │   └── RunLockedError      another driver is working in the same run folder
    └── MachineError            this machine or cluster cannot do it                     (4)
        ├── WeightsError        the VGG-19 weights are missing or damaged
        ├── OutputDiskError     the output disk is full or not writable
        ├── FilmError           the film could not be encoded or failed verification
        ├── DeviceMemoryError   the GPU's memory does not hold even one pair
        └── ClusterError        Ray, the cluster or the resources asked for are missing
"""

from __future__ import annotations


class BatchAnalogyError(Exception):
    """Base class of the errors that are raised on purpose; the message is written for users."""


class UsageError(BatchAnalogyError):
    """The request makes no sense or would destroy something."""


class ConfigError(UsageError, ValueError):
    """An option or configuration value is not allowed."""


class OutputExistsError(UsageError):
    """The output is already there and overwriting was not asked for."""


class PlanChangedError(UsageError):
    """The run folder belongs to another configuration or to other input."""


class InputError(BatchAnalogyError):
    """A picture, folder or video cannot be used."""


class FrameError(InputError):
    """One frame cannot be used; it is recorded as failed and the run goes on."""


class JobError(BatchAnalogyError):
    """The run could not be finished."""


class RunLockedError(JobError):
    """Another driver is working in the same run folder."""


class MachineError(BatchAnalogyError):
    """This machine or cluster cannot do what was asked."""


class WeightsError(MachineError):
    """The VGG-19 weights are missing or damaged."""


class OutputDiskError(MachineError):
    """The output disk is full or not writable."""


class FilmError(MachineError):
    """The film could not be encoded, or failed verification after encoding."""


class DeviceMemoryError(MachineError):
    """The GPU's memory does not hold even one pair."""


class ClusterError(MachineError):
    """Ray, the cluster or the resources asked for are missing."""
