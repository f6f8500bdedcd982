"""Which modules of a net are in training mode while it is trained."""

__all__ = ["Modes"]


class Modes:
    """The modes of a net's modules through a training: those that the program set, whatever is evaluated in between.

    A net in training mode keeps the mode of each of its modules, so what was switched to evaluation mode by hand (a
    frozen batch norm) stays there. A net that is in evaluation mode itself was looked at with ``net.eval()``: its
    modules return to the modes they had before, and all of it to training mode where nothing is known of before. What
    `tinydl.train.freeze` froze is in evaluation mode in any case.

    Parameters
    ----------
    net : nn.Module
    """

    def __init__(self, net):
        self.net = net
        self._modes = None
        self._frozen = []

    def remember(self):
        """Note the modes, unless the net was switched to evaluation mode as a whole, and which modules are frozen."""
        self._frozen = [module for module in self.net.modules() if getattr(module, "_frozen", False)]
        for module in self._frozen:
            module.training = False
        if self.net.training:
            self._modes = [(module, module.training) for module in self.net.modules()]

    def restore(self):
        """Undo ``net.eval()``; a net in training mode stays as it is, but for what is frozen."""
        if not self.net.training and self.net not in self._frozen:
            self.net.train()  # also modules that are new
            for module, training in self._modes or ():
                module.training = training
        for module in self._frozen:
            module.training = False
