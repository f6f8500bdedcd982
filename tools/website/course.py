"""What a student looks for: formulas, counts and worked examples of the lecture that docs/README.md tells of, by page.

The numbers are those of tests/worked, the words those of the lecture's slides. tests/website/test_course.py finds them
in the pages, tools/website/browser.py by the search of the site that was built.
"""

__all__ = ["COURSE"]

# By page: words and numbers that a student types, each list item found as it stands.
COURSE = {
    "1-networks": [
        "bias input", "tanh hidden units", "linear output", "squared error",
        "W1 = [[.1, .2], [.3, .4]]", "W2 = [.2, 1, -3]",
        "W3 = [1, 2]", "(.7, 1)", "(.604368, .761594)", "-1.480415", "-.901546", "-.803091", "-3.606183", "-1.350266",
        "(-.857067, 1.701231)", "[-1.714135, 3.402462]", "(-1.350266, -.816057, -1.028355)", "(-3.606183, 3.251138)",
        "ReLU", "sigmoid", "identity", "saturates", "tanh", "softmax", "cross-entropy", "yhat - y", "argmax", "1e4",
        "z = (1, 2, 3)", ".407606", "(.090031, .244728, -.334759)", "x - t", "1/2", "p-norm", "w = (1, -2, 3)",
        "(.2, -.4, .6)", "(.3, -1.2, 2.7)", "exempt", "weight decay", "alpha p |w|^p-1 sign(w)", "J + alpha sum |w|^p",
        "tanh regression", "o = AF(W o + b)", "1 - tanh^2", "(tanh(w' x_n) - y_n)", "-log p_t", "label 2"],
    "2-autodiff": [
        "graph", "sum over its children", "f = (x + y) z", "(-2, 5, -4)", "f = -12", "(-4, -4, 3)",
        "f = g[h(k(w), w), m(w), w, b]", "save_for_backward", "Multiply", "Sigmoid", "dz (1 - z) z", "add distributes",
        "copy adds", "mul swaps", "max routes", "Jacobian", "vec", "chain rule", "gradcheck", "0.1 %", "q = 3",
        "gets four terms", "size of Y, size of X"],
    "3-convolution": [
        "(X * W)_i = sum_j w_j x_i+j-1", "10 entries", "(1, -2, 1)", "h^2 f'' + O(h^4)", "0.02", "channels", "stride",
        "padding", "dilation", "groups", "depthwise", "(W - K + 2P)/S + 1", "[[6, 8], [9, 8]]",
        "[[4, 3, 4], [2, 4, 3], [2, 3, 4]]", "[[4, 4], [2, 4]]", "5x5 of 7x7", "with stride 2 3x3", "2x3x3", "2x2x2",
        "receptive field", "1 + L (K - 1)", "10x32x32", "760 parameters", "768,000 multiply-adds", "vec(Y) = A vec(X)",
        "dX = A' dY", "filters reversed", "padding K - 1", "(w11 0 w21 0)", "(0 w11 0 w21)", "(w12 0 w22 0)",
        "(0 w12 0 w22)", "A is 4x8", "linear in both arguments", "ConvTranspose2d", "Boolean OR", "Shared weights",
        "places", "pattern anywhere in a long signal", "keyword_scan", "winner", "sigma'",
        "[[1,2,3],[4,5,6],[1,5,3]]", "[[1,0],[0,1]]", "[[1,0,1],[0,1,0],[1,0,1]]", "every output is .02",
        "[[1,1,1,0,0],[0,1,1,1,0],[0,0,1,1,1],[0,0,1,1,0],[0,1,1,0,0]]", "maximum of the scores over time", "Y is 2x2",
        "conv(aX + bX', W)", "(d L)/(d w_j) = -(t - y) sum", "i the winner of window m"],
    "4-pooling-normalisation-residuals": [
        "winner takes all", "overlapping windows add up", "[[1,1,2,4],[5,6,7,8],[3,2,1,0],[1,2,3,4]]", "[[6,8],[3,4]]",
        "[[3.25,5.25],[2,2]]", "batch norm", "two parameters per channel", "N H W", "running", "x + F(x)", "delta",
        "18,496", "18,432", "128", "17,600", "17,408", "384", "identity start", "within 10 %", "50 blocks",
        "ResidualBlock", "BottleneckBlock", "delta + (d F)/(d x)", "128-32-32-128"],
    "5-training": [
        "stochastic", "full batch", "every sample", "short last batch", "mean of the gradients",
        "|f(x_t+k) - f(x_t)| <", "stop_reason", "Xavier", "Glorot", "Kaiming", "orthogonal", "small", "fan_in", "SGD",
        "momentum", "Nesterov",
        "Adam", "AdamW", "RMSprop", "clip_grad_norm_", "(1, -1)'", "dW3 = (0, -18)", "[[0, 0], [-18, 0]]", "(-18, 0)",
        "1.18",
        "learning rate 0.01", "the loss 9", "dloss/dyhat = -6", "W2 = [[-1, 1], [1, -1]]", "W3 = (-1, 1)", "x = 3"],
    "6-seeing": [
        "vanish", "explod", "spectral norm", "power iteration", "largest singular value", "running product",
        "gradient_flow", "Space warping", "folds", "decision_regions", "filters", "feature_maps", "saliency", "curves",
        "LRFinder", "confusion_matrix", "surest mistakes"],
}
